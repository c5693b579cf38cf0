/** Languages that the editor's own collection lacks: JSON, TOML and Makefiles, by small grammars. */
import type * as Monaco from "monaco-editor/editor/editor.api";

const JSON_GRAMMAR: Monaco.languages.IMonarchLanguage = {
  tokenizer: {
    root: [
      [/"(?:[^"\\]|\\.)*"(?=\s*:)/, "type"],
      [/"(?:[^"\\]|\\.)*"/, "string"],
      [/"(?:[^"\\]|\\.)*$/, "string.invalid"],
      [/-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/, "number"],
      [/\b(?:true|false|null)\b/, "keyword"],
      [/\/\/.*$/, "comment"],
      [/\/\*/, "comment", "@comment"],
      [/[{}[\]]/, "@brackets"],
      [/[,:]/, "delimiter"],
    ],
    comment: [
      [/[^*/]+/, "comment"],
      [/\*\//, "comment", "@pop"],
      [/[*/]/, "comment"],
    ],
  },
};

const TOML_GRAMMAR: Monaco.languages.IMonarchLanguage = {
  tokenizer: {
    root: [
      [/#.*$/, "comment"],
      [/^\s*\[\[?[^\]]*\]?\]/, "type"],
      [/[A-Za-z0-9_\-."']+(?=\s*=)/, "attribute.name"],
      [/"""/, "string", "@long"],
      [/'''/, "string", "@literal"],
      [/"(?:[^"\\]|\\.)*"/, "string"],
      [/'[^']*'/, "string"],
      [/\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:\d\d)?)?/, "number"],
      [/[-+]?(?:0x[\da-fA-F_]+|0o[0-7_]+|0b[01_]+|\d[\d_]*(?:\.[\d_]+)?(?:[eE][-+]?\d+)?|inf|nan)\b/, "number"],
      [/\b(?:true|false)\b/, "keyword"],
    ],
    long: [
      [/"""/, "string", "@pop"],
      [/./, "string"],
    ],
    literal: [
      [/'''/, "string", "@pop"],
      [/./, "string"],
    ],
  },
};

const MAKE_GRAMMAR: Monaco.languages.IMonarchLanguage = {
  tokenizer: {
    root: [
      [/#.*$/, "comment"],
      [/^(?:export|include|-include|define|endef|ifeq|ifneq|ifdef|ifndef|else|endif|override|vpath)\b/, "keyword"],
      [/^[\w./%$(){}-]+(?=\s*::?(?!=))/, "type"],
      [/^[\w.-]+(?=\s*(?:[:?+!]?=|::=))/, "attribute.name"],
      [/\$\([^)]*\)|\$\{[^}]*\}|\$[@<^?*+|%]/, "variable"],
      [/"[^"]*"|'[^']*'/, "string"],
    ],
  },
};

export function registerLanguages(monaco: typeof Monaco): void {
  const pairs: [string, string][] = [
    ["{", "}"],
    ["[", "]"],
  ];
  monaco.languages.register({
    id: "json",
    aliases: ["JSON"],
    extensions: [".json", ".jsonc", ".json5", ".webmanifest", ".map", ".ipynb"],
    filenames: [".babelrc", ".eslintrc", ".prettierrc", "composer.lock", ".swcrc"],
  });
  monaco.languages.setMonarchTokensProvider("json", JSON_GRAMMAR);
  monaco.languages.setLanguageConfiguration("json", {
    comments: { lineComment: "//", blockComment: ["/*", "*/"] },
    brackets: pairs,
    autoClosingPairs: [...pairs.map(([open, close]) => ({ open, close })), { open: '"', close: '"' }],
  });
  monaco.languages.register({
    id: "toml",
    aliases: ["TOML"],
    extensions: [".toml"],
    filenames: ["Cargo.lock", "Pipfile", "poetry.lock", "uv.lock"],
  });
  monaco.languages.setMonarchTokensProvider("toml", TOML_GRAMMAR);
  monaco.languages.setLanguageConfiguration("toml", {
    comments: { lineComment: "#" },
    brackets: pairs,
    autoClosingPairs: [...pairs.map(([open, close]) => ({ open, close })), { open: '"', close: '"' }],
  });
  monaco.languages.register({
    id: "makefile",
    aliases: ["Makefile"],
    extensions: [".mk", ".mak"],
    filenames: ["Makefile", "makefile", "GNUmakefile"],
  });
  monaco.languages.setMonarchTokensProvider("makefile", MAKE_GRAMMAR);
  monaco.languages.setLanguageConfiguration("makefile", { comments: { lineComment: "#" } });
}
