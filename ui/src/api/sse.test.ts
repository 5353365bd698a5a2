import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEvents, type SseMessage } from "./sse.ts";

async function messages(...chunks: string[]): Promise<SseMessage[]> {
  const encoder = new TextEncoder();
  async function* body() {
    for (const chunk of chunks) yield encoder.encode(chunk);
  }
  return Array.fromAsync(parseEvents(body()));
}

test("messages come out whole however the bytes were cut", async () => {
  const text = 'id: 7\nevent: task.routed\ndata: {"a":\ndata: 1}\n\n: ping\n\nid: 8\ndata: é\n\n';
  const whole = await messages(text);
  assert.deepEqual(whole, [
    { id: "7", event: "task.routed", data: '{"a":\n1}' },
    { id: "8", event: "message", data: "é" },
  ]);
  assert.deepEqual(await messages(...text), whole);
});

test("carriage returns end lines too, even cut in two", async () => {
  assert.deepEqual(await messages("id: 1\r", "\ndata: x\r\n", "\r\n"), [
    { id: "1", event: "message", data: "x" },
  ]);
});

test("an unfinished message at the end is not delivered", async () => {
  assert.deepEqual(await messages("data: half"), []);
});
