/**
 * Server-sent events over fetch. EventSource would do, but it cannot be told where to resume after the page
 * was reloaded, and it hides the problem document of a refused stream.
 */
import { Problem, problemFrom } from "./problem.ts";

export interface SseMessage {
  id: string | null;
  event: string;
  data: string;
}

/** The messages of one event stream, in order, until it ends. */
export async function* parseEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<SseMessage> {
  const decoder = new TextDecoder();
  let buffer = "";
  let block: string[] = [];
  for await (const chunk of body) {
    buffer += decoder.decode(chunk, { stream: true });
    const lines = buffer.split(/\r\n|\n|\r(?=[^\n])/);
    buffer = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") {
        block.push(line);
        continue;
      }
      const message = readBlock(block);
      block = [];
      if (message) yield message;
    }
  }
}

function readBlock(lines: string[]): SseMessage | null {
  const message: SseMessage = { id: null, event: "message", data: "" };
  const data: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "event") message.event = value;
    else if (field === "id") message.id = value;
  }
  message.data = data.join("\n");
  return data.length > 0 ? message : null;
}

export type StreamStatus = "connecting" | "live" | "reconnecting" | "ended";

export interface Follow {
  url: string;
  signal: AbortSignal;
  lastId?: string | null;
  onMessage: (message: SseMessage) => void;
  /** Asked when the service closed the stream in order: was that all, or is it to be opened again? */
  isOver: () => boolean;
  onStatus: (status: StreamStatus) => void;
}

/** Follow a stream until all was told, coming back with Last-Event-ID after every break. */
export async function followEvents(follow: Follow): Promise<void> {
  let lastId = follow.lastId ?? null;
  let failures = 0;
  follow.onStatus("connecting");
  while (!follow.signal.aborted) {
    try {
      for await (const message of openStream(follow, lastId)) {
        failures = 0;
        lastId = message.id ?? lastId;
        follow.onMessage(message);
      }
      if (follow.isOver()) return follow.onStatus("ended");
    } catch (error) {
      if (follow.signal.aborted) return;
      if (error instanceof Problem && error.status >= 400 && error.status < 500) throw error;
    }
    failures += 1;
    follow.onStatus("reconnecting");
    await pause(Math.min(8000, 300 * 2 ** failures), follow.signal);
  }
}

async function* openStream(follow: Follow, lastId: string | null): AsyncGenerator<SseMessage> {
  const headers: Record<string, string> = { Accept: "text/event-stream" };
  if (lastId !== null) headers["Last-Event-ID"] = lastId;
  const response = await fetch(follow.url, { headers, signal: follow.signal, credentials: "same-origin" });
  if (!response.ok || !response.body) {
    throw problemFrom(response, await response.json().catch(() => null));
  }
  follow.onStatus("live");
  yield* parseEvents(readChunks(response.body));
}

// ReadableStream is not async iterable in every browser yet.
async function* readChunks(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
