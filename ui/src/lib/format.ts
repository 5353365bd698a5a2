/** Small formats used everywhere: durations, ages, bytes, counts, JSON. */

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "3 min. ago", "yesterday"; "just now" below a minute; the date after a week. */
export function ago(at: string | number | Date, now: number = Date.now()): string {
  const then = new Date(at);
  const seconds = (then.getTime() - now) / 1000;
  if (Math.abs(seconds) < 45) return "just now";
  if (Math.abs(seconds) > 7 * 86_400) return then.toLocaleDateString("en", { dateStyle: "medium" });
  const [unit, size] = STEPS.find(([, step]) => Math.abs(seconds) >= step) ?? ["minute", 60];
  return RELATIVE.format(Math.round(seconds / size), unit);
}

/** "14:03:22.118" in the reader's zone. */
export function clock(at: string): string {
  const time = new Date(at);
  const millis = String(time.getMilliseconds()).padStart(3, "0");
  return `${time.toLocaleTimeString("en-GB", { hour12: false })}.${millis}`;
}

/** "38 ms", "1.4 s", "2 min 5 s". */
export function duration(seconds: number): string {
  if (seconds < 0.9995) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** "3.4 ms", "120 ms", "1.4 s"; "–" where there is none. */
export function millis(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return value < 10 ? `${value.toFixed(1)} ms` : duration(value / 1000);
}

/** "12.3 kB". */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export function count(value: number): string {
  return value.toLocaleString("en");
}

/** "1 file", "2 files". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function pretty(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** "awaiting_input" → "awaiting input". */
export function words(name: string): string {
  return name.replaceAll("_", " ");
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Money as people write it; less than a cent keeps its digits. */
export function dollars(value: number): string {
  return `$${value.toFixed(value > 0 && value < 0.01 ? 4 : 2)}`;
}
