# Sourced by setup.sh and npm.sh: run a long command quietly, show that it moves, and explain when it fails.

say() { printf '%s\n' "$*"; }

fail() {
    printf '\nerror: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}

# watch TITLE LOG COMMAND…: one line that changes on a terminal, one line every ten seconds elsewhere.
watch() {
    title=$1 log=$2
    shift 2
    mkdir -p "$(dirname "$log")"
    : >"$log"
    "$@" >>"$log" 2>&1 &
    job=$!
    # What is left of an 80 column line beside the title; a longer one would wrap and repeat.
    room=$((66 - ${#title}))
    [ "$room" -gt 0 ] || room=1
    trap 'kill $job 2>/dev/null; exit 130' INT TERM
    seconds=0
    [ -t 1 ] || say "$title …"
    while kill -0 "$job" 2>/dev/null; do
        # Warnings of pip and npm about their own set-up are kept in the log; here they would hide what moves.
        last=$(sed -e '/^WARNING/d' -e '/^npm warn/d' -e 's/^ *//' -e 's/\r//g' "$log" | sed -n '$p' | cut -c1-"$room")
        if [ -t 1 ]; then
            printf '\r\033[K%s … %ss  %s' "$title" "$seconds" "$last"
        elif [ "$((seconds % 10))" -eq 9 ]; then
            say "  ${seconds}s  $last"
        fi
        sleep 1
        seconds=$((seconds + 1))
    done
    trap - INT TERM
    if wait "$job"; then
        if [ -t 1 ]; then printf '\r\033[K'; fi
        say "$title: done (${seconds}s)"
        return 0
    fi
    say ""
    sed -e '/^WARNING/d' "$log" | tail -n 25 >&2
    return 1
}

# explain LOG: what a person can do about the usual failures.
explain() {
    if grep -qiE 'no space left|ENOSPC' "$1"; then
        echo "The disk is full."
    elif grep -qiE 'temporary failure in name|network is unreachable|connection refused|connectTimeout|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|max retries' "$1"; then
        echo "The package registry cannot be reached. Is there a network, or a mirror or proxy to set (PIP_INDEX_URL, npm_config_registry, HTTPS_PROXY)?"
    elif grep -qiE 'no matching distribution|could not find a version' "$1"; then
        echo "A package has no build for this Python or machine. Python 3.11 and 3.12 on Linux and macOS are known to work."
    elif grep -qiE 'permission denied|EACCES' "$1"; then
        echo "This user may not write here. Do the files of an earlier run belong to another user (root)?"
    else
        echo "The whole log is in $1."
    fi
}
