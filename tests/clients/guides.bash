# The guides of docs/guides for tests/clients/run: every command in them is run, against the demo, and
# must print what the page says it prints. Sourced; it runs nothing by itself.
# shellcheck shell=bash disable=SC2154 # what is not set here is set by tests/clients/run

readonly GUIDES="${ROOT}/docs/guides"

# programs_of_the_guides DIRECTORY: the clients under the names by which people call them.
programs_of_the_guides() {
    mkdir -p "$1"
    program() { printf '#!/bin/sh\nexec %s "$@"\n' "$2" >"$1" && chmod +x "$1"; }
    program "$1/ampgate" "${AMPGATE}"
    program "$1/amp" "env AMP_SKIP_UPDATE_CHECK=1 node ${CACHE}/amp-legacy/node_modules/@sourcegraph/amp/dist/main.js"
    program "$1/claude" "env CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1 ${CACHE}/claude-code/node_modules/@anthropic-ai/claude-code-linux-x64/claude"
    program "$1/codex" "${CACHE}/codex-cli/node_modules/@openai/codex/vendor/x86_64-unknown-linux-musl/bin/codex"
    program "$1/gemini" "node ${CACHE}/gemini-cli/node_modules/@google/gemini-cli/bundle/gemini.js"
    program "$1/droid" "${CACHE}/droid/node_modules/.bin/droid"
}

# script_of GUIDE DIRECTORY: writes DIRECTORY/script, in which each block of the page that is marked
# `sh run` prints into DIRECTORY/N.out, and what the page says it prints into DIRECTORY/N.said. The
# demo's address and key are put in the place of those on the page.
script_of() {
    awk -v directory="$2" '
        /^```sh run$/ { number++; block = "run"; print "{" > (directory "/script"); next }
        /^```text$/ && number && !said[number] { block = "said"; said[number] = 1; next }
        /^```(sh|bash|shell|console)$/ { print "a command that nobody runs, in line " NR; exit 1 }
        /^```$/ && block == "run" {
            print "} >\"" directory "/" number ".out\" 2>\"" directory "/" number ".err\" </dev/null" > (directory "/script")
            print "echo $? >\"" directory "/" number ".status\"" > (directory "/script")
        }
        /^```/ { block = ""; next }
        block == "run" { print > (directory "/script") }
        block == "said" { print > (directory "/" number ".said") }
    ' "$1" || return
    [[ ! -e "$2/script" ]] ||
        sed -i "s#http://127.0.0.1:8317#${GATEWAY}#g; s#demo-key#${CLIENT_KEY}#g" "$2/script"
}

# guide_says DIRECTORY N: the block ended well, and printed every line that the page shows.
guide_says() {
    local line
    if [[ "$(cat "$1/$2.status" 2>/dev/null)" != 0 ]]; then
        echo "it failed:"
        tail -n 8 "$1/$2.out" "$1/$2.err"
        return 1
    fi
    while IFS= read -r line; do
        grep -qF -- "${line}" "$1/$2.out" && continue
        echo "not printed: ${line}"
        tail -n 8 "$1/$2.out" "$1/$2.err"
        return 1
    done < <(cat "$1/$2.said" 2>/dev/null)
}

guide_has_no_unread_command() { [[ ! -s "$1/problem" ]] || { cat "$1/problem"; return 1; }; }

# guide_cases: needs a demo that runs, and the agents installed.
guide_cases() {
    local page directory number
    programs_of_the_guides "${WORK}/programs"
    for page in "${GUIDES}"/*.md; do
        directory="${WORK}/guide-$(basename "${page}" .md)"
        mkdir "${directory}"
        script_of "${page}" "${directory}" >"${directory}/problem"
        case_is "guide $(basename "${page}"): every command is one that is run" guide_has_no_unread_command "${directory}"
        [[ -e "${directory}/script" ]] || continue
        if needs_what_was_skipped "${page}"; then
            SKIPPED=$((SKIPPED + 1))
            printf 'SKIP  guide %s: its client could not be had\n' "$(basename "${page}")"
            continue
        fi
        new_client
        cp "${ROOT}/tests/fixtures/config/cliproxyapi.yaml" "${CLIENT_HOME}/"
        PATH="${WORK}/programs:${PATH}" in_a_home bash "${directory}/script"
        for ((number = 1; number <= $(grep -c '^```sh run$' "${page}"); number++)); do
            case_is "guide $(basename "${page}"): block ${number} prints what the page says" \
                guide_says "${directory}" "${number}"
        done
    done
}

# needs_what_was_skipped PAGE: the page calls an agent that could not be installed.
needs_what_was_skipped() {
    local agent
    for agent in "${SKIPPED_AGENTS[@]}"; do
        if grep -qw "^${agent%%[_-]*}" "$1"; then return 0; fi
    done
    return 1
}

# in_a_home COMMAND...: as `AS_CLIENT`, with the PATH of this moment and time for several agents.
in_a_home() {
    timeout -k 5 "$((4 * CASE_SECONDS))" env -i -C "${CLIENT_HOME}" PATH="${PATH}" HOME="${CLIENT_HOME}" \
        LANG=C.UTF-8 NO_COLOR=1 HTTPS_PROXY="${NOWHERE}" HTTP_PROXY="${NOWHERE}" \
        NO_PROXY="127.0.0.1,localhost" "$@"
}
