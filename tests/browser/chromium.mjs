// Prints where the packaged Chromium lies and the environment it needs, as JSON. Used by tests/console.
// Where the system lacks its libraries (NSS, mostly), those of the package are unpacked beside it.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { tmpdir } from "node:os";
import chromium, { inflate } from "@sparticuz/chromium";

chromium.setGraphicsMode = false;
const path = await chromium.executablePath();
const env = {};
if (execFileSync("ldd", [path], { encoding: "utf8" }).includes("not found")) {
  await inflate(join(import.meta.dirname, "node_modules/@sparticuz/chromium/bin/al2023.tar.br"));
  env.LD_LIBRARY_PATH = join(tmpdir(), "al2023", "lib");
}
console.log(JSON.stringify({ path, env }));
