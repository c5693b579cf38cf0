import type { ReactElement } from "react";
import classes from "./auth-picture.module.css";

const CODE: [string, string][] = [
  ["k", "use"],
  ["", " axum::{routing::get, Router};\n\n"],
  ["d", "#[tokio::main]\n"],
  ["k", "async fn"],
  ["f", " main"],
  ["", "() {\n    "],
  ["k", "let"],
  ["", " app = Router::"],
  ["f", "new"],
  ["", "()\n        ."],
  ["f", "route"],
  ["", "("],
  ["s", '"/"'],
  ["", ", get(|| "],
  ["k", "async"],
  ["", " { "],
  ["s", '"hello"'],
  ["", " }));\n    serve(app)."],
  ["k", "await"],
  ["", ";\n}"],
];

/** A workspace in miniature. Decorative. */
export function AuthPicture(): ReactElement {
  return (
    <div className={classes.window} aria-hidden="true">
      <div className={classes.bar}>
        <span className={classes.tab} data-active>
          main.rs
        </span>
        <span className={classes.tab}>Cargo.toml</span>
      </div>
      <pre className={classes.code}>
        {CODE.map(([kind, text], index) => (
          <span key={index} data-kind={kind}>
            {text}
          </span>
        ))}
      </pre>
      <pre className={classes.terminal}>
        <span data-kind="s">~/hello</span> $ cargo run{"\n"}
        <span data-kind="d">   Compiling hello v0.1.0{"\n"}    Finished in 1.84s{"\n"}</span>
        listening on :3000{"\n"}
        <span className={classes.cursor} />
      </pre>
    </div>
  );
}
