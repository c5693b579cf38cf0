import "./mantine.css";
import "@mantine/notifications/styles.css";
import "./fonts.css";
import "./global.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { captureFragment } from "../lib/fragment-secret";
import { App } from "./app";

captureFragment();
window.addEventListener("hashchange", captureFragment);

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
