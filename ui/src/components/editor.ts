import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { sparql } from "@codemirror/legacy-modes/mode/sparql";
import { EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { pageNonce } from "../lib/nonce.ts";
import { MONO } from "../theme.ts";

export type EditorLanguage = "json" | "sparql";

export interface EditorHandle {
  setText: (text: string) => void;
  destroy: () => void;
}

interface Options {
  text: string;
  language: EditorLanguage;
  label: string;
  minLines: number;
  onChange: (text: string) => void;
  onSubmit: () => void;
}

const LANGUAGES: Record<EditorLanguage, () => Extension> = {
  json: () => json(),
  sparql: () => StreamLanguage.define(sparql),
};

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.propertyName, tags.variableName, tags.special(tags.variableName)], color: "var(--code-name)" },
  { tag: [tags.comment], color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.atom, tags.link, tags.url], color: "var(--code-string)" },
]);

const look = EditorView.theme({
  "&": { fontSize: "13px", backgroundColor: "transparent", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: MONO, lineHeight: "1.6", maxHeight: "460px", overflow: "auto" },
  ".cm-content": { padding: "10px 0", caretColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--muted)", border: "none", opacity: "0.65" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "36px", padding: "0 10px 0 6px" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--ink) 3%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 22%, transparent)",
  },
  ".cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--accent) 22%, transparent)" },
});

/** An editor inside the given element; the caller destroys it. */
export function createEditor(parent: HTMLElement, options: Options): EditorHandle {
  const view = new EditorView({
    parent,
    state: EditorState.create({ doc: options.text, extensions: extensions(options) }),
  });
  return {
    setText: (text) => {
      if (text === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    destroy: () => view.destroy(),
  };
}

function extensions(options: Options): Extension[] {
  const submit = {
    key: "Mod-Enter",
    run: () => {
      options.onSubmit();
      return true;
    },
  };
  return [
    lineNumbers(),
    history(),
    drawSelection(),
    bracketMatching(),
    highlightActiveLine(),
    LANGUAGES[options.language](),
    syntaxHighlighting(colours),
    look,
    EditorView.theme({ ".cm-content": { minHeight: `${options.minLines * 1.6 + 1.4}em` } }),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": options.label }),
    EditorView.cspNonce.of(pageNonce()),
    keymap.of([submit, indentWithTab, ...defaultKeymap, ...historyKeymap]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) options.onChange(update.state.doc.toString());
    }),
  ];
}
