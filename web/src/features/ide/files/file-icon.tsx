import {
  IconBook2,
  IconBraces,
  IconBrandCss3,
  IconBrandDocker,
  IconBrandGit,
  IconBrandGolang,
  IconBrandHtml5,
  IconBrandJavascript,
  IconBrandPython,
  IconBrandReact,
  IconBrandRust,
  IconBrandTypescript,
  IconDatabase,
  IconFile,
  IconFileCode,
  IconFileText,
  IconFileZip,
  IconFolder,
  IconFolderOpen,
  IconHammer,
  IconLink,
  IconLock,
  IconPhoto,
  IconSettings,
  IconTerminal2,
  type Icon,
} from "@tabler/icons-react";
import type { ReactElement } from "react";
import { extensionOf } from "../paths";
import classes from "./file-icon.module.css";

type Hue = "blue" | "orange" | "green" | "yellow" | "purple" | "red" | "teal" | "plain";
type Look = readonly [Icon, Hue];

const CODE: Look = [IconFileCode, "blue"];
const TEXT: Look = [IconFileText, "plain"];
const CONFIG: Look = [IconSettings, "plain"];
const IMAGE: Look = [IconPhoto, "purple"];
const ARCHIVE: Look = [IconFileZip, "orange"];

const BY_NAME: Record<string, Look> = {
  dockerfile: [IconBrandDocker, "blue"],
  makefile: [IconHammer, "orange"],
  license: [IconBook2, "yellow"],
  ".gitignore": [IconBrandGit, "red"],
  ".gitattributes": [IconBrandGit, "red"],
  ".gitmodules": [IconBrandGit, "red"],
  "cargo.lock": [IconLock, "plain"],
  "package-lock.json": [IconLock, "plain"],
};

const BY_EXTENSION: Record<string, Look> = {
  rs: [IconBrandRust, "orange"],
  py: [IconBrandPython, "blue"],
  ts: [IconBrandTypescript, "blue"],
  tsx: [IconBrandReact, "teal"],
  jsx: [IconBrandReact, "teal"],
  js: [IconBrandJavascript, "yellow"],
  mjs: [IconBrandJavascript, "yellow"],
  cjs: [IconBrandJavascript, "yellow"],
  go: [IconBrandGolang, "teal"],
  html: [IconBrandHtml5, "orange"],
  css: [IconBrandCss3, "blue"],
  scss: [IconBrandCss3, "purple"],
  json: [IconBraces, "yellow"],
  toml: CONFIG,
  yaml: CONFIG,
  yml: CONFIG,
  ini: CONFIG,
  conf: CONFIG,
  md: [IconFileText, "blue"],
  txt: TEXT,
  log: TEXT,
  sh: [IconTerminal2, "green"],
  bash: [IconTerminal2, "green"],
  sql: [IconDatabase, "purple"],
  db: [IconDatabase, "purple"],
  sqlite: [IconDatabase, "purple"],
  c: CODE,
  h: CODE,
  cpp: CODE,
  hpp: CODE,
  java: [IconFileCode, "red"],
  kt: [IconFileCode, "purple"],
  rb: [IconFileCode, "red"],
  php: [IconFileCode, "purple"],
  lua: CODE,
  png: IMAGE,
  jpg: IMAGE,
  jpeg: IMAGE,
  gif: IMAGE,
  webp: IMAGE,
  svg: IMAGE,
  ico: IMAGE,
  zip: ARCHIVE,
  gz: ARCHIVE,
  tar: ARCHIVE,
  xz: ARCHIVE,
  zst: ARCHIVE,
};

export interface FileIconProps {
  name: string;
  kind?: "file" | "directory" | "open-directory" | "link";
  size?: number;
}

/** What a file is, at a glance. Decoration: its name says the same. */
export function FileIcon({ name, kind = "file", size = 16 }: FileIconProps): ReactElement {
  const look: Look =
    kind === "directory"
      ? [IconFolder, "teal"]
      : kind === "open-directory"
        ? [IconFolderOpen, "teal"]
        : kind === "link"
          ? [IconLink, "plain"]
          : (BY_NAME[name.toLowerCase()] ?? BY_EXTENSION[extensionOf(name)] ?? [IconFile, "plain"]);
  const [Shape, hue] = look;
  return <Shape size={size} stroke={1.7} className={classes.icon} data-hue={hue} aria-hidden="true" />;
}
