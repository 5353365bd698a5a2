#!/bin/sh
# setup.sh REQUIREMENTS…: a virtual environment in .venv with these installed; does nothing when nothing changed.
# PYTHON=/path/to/python chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."
. deploy/progress.sh

good() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# 3.12 and 3.11 first: for them every wheel exists, the embedded Redis among them.
find_python() {
    for candidate in ${PYTHON:-python3.12 python3.11 python3 python3.13 python3.14 python}; do
        if good "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

make_venv() {
    python=$(find_python)
    if [ -z "$python" ]; then
        found=$( (python3 --version || echo "no python3 on the PATH") 2>&1)
        fail "Python 3.11 or newer is needed; found: $found." \
            "Install it (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.12)," \
            "or name one: make setup PYTHON=/path/to/python3.12"
    fi
    if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        fail "$python has no venv module." "Debian, Ubuntu: apt install python3-venv"
    fi
    say "Making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv || fail ".venv cannot be made." "See the message above."
}

command -v git >/dev/null 2>&1 || fail "git is not on the PATH." "Debian, Ubuntu: apt install git"
if ! good .venv/bin/python || ! .venv/bin/python -c 'import pip' >/dev/null 2>&1; then make_venv; fi

missing="" options=""
for file in "$@"; do
    now=$(cat requirements*.txt deploy/setup.sh | git hash-object --stdin)
    if [ "$(cat ".venv/.installed-$file" 2>/dev/null || true)" != "$now" ]; then
        missing="$missing $file" options="$options -r $file"
    fi
done
# Our own bytecode ahead, as pip does for packages: a process that may not write any (PYTHONDONTWRITEBYTECODE, an image
# run as another user) would compile all of this at each start. Where it cannot be written here, they do.
compile() { [ ! -d orchestrator ] || .venv/bin/python -m compileall -q orchestrator >/dev/null 2>&1 || true; }
# `.venv/bin/orchestrator` starts ours from any folder, and never what a folder it is started in calls by that name (-P).
launcher() {
    for site in .venv/lib/python*/site-packages; do
        [ -d "$site" ] || return 0
        rm -f "$site/orchestrator.pth" .venv/bin/orchestrator
        pwd >"$site/orchestrator.pth"
    done
    printf '#!/bin/sh\nexec "%s/.venv/bin/python" -P -m orchestrator "$@"\n' "$(pwd)" >.venv/bin/orchestrator
    chmod +x .venv/bin/orchestrator
}
[ -n "$missing" ] || { compile; launcher; exit 0; }

log=.setup/pip.log
# shellcheck disable=SC2086  # a list of options
watch "Installing Python packages" "$log" \
    .venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off $options ||
    fail "Python packages could not be installed." "$(explain "$log")"
for file in $missing; do echo "$now" >".venv/.installed-$file"; done
compile
launcher
