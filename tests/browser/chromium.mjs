// Prints where the packaged Chromium lies and the flags it wants, as JSON. Used by tests/console.
import chromium from "@sparticuz/chromium";

chromium.setGraphicsMode = false;
console.log(JSON.stringify({ path: await chromium.executablePath(), args: chromium.args }));
