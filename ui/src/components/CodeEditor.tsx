import { useEffect, useRef } from "react";
import classes from "./CodeEditor.module.css";
import { createEditor, type EditorHandle, type EditorLanguage } from "./editor.ts";

interface Props {
  value: string;
  onChange: (value: string) => void;
  language: EditorLanguage;
  label: string;
  /** Called on Ctrl+Enter (Cmd+Enter). */
  onSubmit?: () => void;
  minLines?: number;
  invalid?: boolean;
  framed?: boolean;
}

/** A code editor for JSON and SPARQL. Escape, then Tab leaves it by keyboard. */
export function CodeEditor({
  value,
  onChange,
  language,
  label,
  onSubmit,
  minLines = 8,
  invalid,
  framed = true,
}: Props) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorHandle | null>(null);
  const listeners = useRef({ onChange, onSubmit });
  listeners.current = { onChange, onSubmit };

  useEffect(() => {
    if (!host.current) return;
    editor.current = createEditor(host.current, {
      language,
      label,
      minLines,
      text: value,
      onChange: (text) => listeners.current.onChange(text),
      onSubmit: () => listeners.current.onSubmit?.(),
    });
    return () => editor.current?.destroy();
    // The editor keeps its own text; later values reach it below.
  }, [language, label, minLines]);

  useEffect(() => editor.current?.setText(value), [value]);

  return (
    <div ref={host} className={classes.editor} data-framed={framed} data-invalid={invalid || undefined} />
  );
}
