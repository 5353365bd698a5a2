/** What a person wants of a task beyond its input, as the service takes it: criteria, a budget, tries. */
import type { NewTask } from "../api/types.ts";

export interface Wishes {
  commands: string;
  money: number | "";
  tokens: number | "";
  tryBy: string[];
  tryCount: number | "";
  tryChoose: "person" | "proof";
}

export const NO_WISHES: Wishes = {
  commands: "",
  money: "",
  tokens: "",
  tryBy: [],
  tryCount: "",
  tryChoose: "person",
};

/** The fields of a task that say so; none where nothing was wanted. */
export function wishesOf(wishes: Wishes): Partial<NewTask> {
  const commands = wishes.commands
    .split("\n")
    .map(words)
    .filter((command) => command.length > 0);
  const budget = {
    ...(wishes.money === "" ? {} : { money: wishes.money }),
    ...(wishes.tokens === "" ? {} : { tokens: wishes.tokens }),
  };
  return {
    ...(commands.length > 0
      ? { acceptance: commands.map((command) => ({ kind: "command" as const, command })) }
      : {}),
    ...(Object.keys(budget).length > 0 ? { budget } : {}),
    ...(wishes.tryBy.length > 0
      ? { tries: { agents: wishes.tryBy, count: wishes.tryCount || 0, choose: wishes.tryChoose } }
      : {}),
  };
}

/** A line as a program and its arguments; quotes hold words together, nothing else means anything. */
export function words(line: string): string[] {
  const found = line.matchAll(/(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)|([^\s"'\\]+))(\s*)/g);
  const parts: string[] = [];
  let open = false;
  for (const [, double, single, escaped, plain, after] of found) {
    const text = double?.replace(/\\(["\\])/g, "$1") ?? single ?? escaped ?? plain ?? "";
    if (open) parts[parts.length - 1] += text;
    else parts.push(text);
    open = after === "";
  }
  return parts;
}
