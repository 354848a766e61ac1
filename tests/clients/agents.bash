# The coding agents for tests/clients/run: what each is, how it is pointed at the gateway, and the
# turns it must finish on a model of any maker. Sourced; it runs nothing by itself.
# shellcheck shell=bash disable=SC2034,SC2154 # what is not set here is set by tests/clients/run

# The first two are programs; their packages without a platform in the name only launch them, and
# want a newer Node.js for that.
readonly CLAUDE_CODE="@anthropic-ai/claude-code-linux-x64@2.1.331"
readonly CODEX_CLI="@openai/codex@0.169.0-linux-x64"
readonly GEMINI_CLI="@google/gemini-cli@0.61.0"
readonly GEMINI_CLI_NODE=20
readonly DROID="droid@0.215.0"

# What a tool is told to do, and what shows that it did.
readonly TOOL_FILE="made-by-the-tool"
readonly TOOL_WORDS="made-by-a-tool"
readonly TOOL_COMMAND="echo ${TOOL_WORDS} | tee ${TOOL_FILE}"

# tool_wish TOOL PARAMETER: how the demo upstream's models are told to run the command.
tool_wish() { printf 'use the tool %s with {"%s": "%s"}' "$1" "$2" "${TOOL_COMMAND}"; }

# has_used_its_tool PRINTED: the command has really run, and the model was told what it wrote.
has_used_its_tool() {
    if [[ "$(cat "${CLIENT_HOME}/${TOOL_FILE}" 2>/dev/null)" != "${TOOL_WORDS}" ]]; then
        echo "the tool left no ${TOOL_FILE}; printed: $1"
        return 1
    fi
    [[ "$1" == *"The tool said: "*"${TOOL_WORDS}"* ]] || { echo "no talk of the tool: $1"; return 1; }
}

# ---------------------------------------------------------------- one turn

# Each agent is a function AGENT MODEL PROMPT that runs one turn as ${AS_CLIENT}, prints the answer on
# standard output, and all else on standard error.

claude_code() {
    "${AS_CLIENT[@]}" ANTHROPIC_BASE_URL="${GATEWAY}" ANTHROPIC_API_KEY="${CLIENT_KEY}" \
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1 DISABLE_TELEMETRY=1 \
        "${CACHE}/claude-code/node_modules/@anthropic-ai/claude-code-linux-x64/claude" \
        -p "$2" --model "$1" --allowedTools Bash </dev/null
}

codex_cli() {
    mkdir "${CLIENT_HOME}/.codex"
    cat >"${CLIENT_HOME}/.codex/config.toml" <<TOML
model = "$1"
model_provider = "ampgate"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
[model_providers.ampgate]
name = "ampgate"
base_url = "${GATEWAY}/v1"
env_key = "AMPGATE_CLIENT_KEY"
wire_api = "responses"
[analytics]
enabled = false
TOML
    "${AS_CLIENT[@]}" AMPGATE_CLIENT_KEY="${CLIENT_KEY}" \
        "${CACHE}/codex-cli/node_modules/@openai/codex/vendor/x86_64-unknown-linux-musl/bin/codex" \
        exec --skip-git-repo-check "$2" </dev/null
}

gemini_cli() {
    mkdir "${CLIENT_HOME}/.gemini"
    cat >"${CLIENT_HOME}/.gemini/settings.json" <<'JSON'
{
  "security": { "auth": { "selectedType": "gemini-api-key" } },
  "privacy": { "usageStatisticsEnabled": false },
  "telemetry": { "enabled": false },
  "general": { "enableAutoUpdate": false }
}
JSON
    "${AS_CLIENT[@]}" GOOGLE_GEMINI_BASE_URL="${GATEWAY}" GEMINI_API_KEY="${CLIENT_KEY}" \
        node "${CACHE}/gemini-cli/node_modules/@google/gemini-cli/bundle/gemini.js" \
        -p "$2" -m "$1" --approval-mode yolo --skip-trust </dev/null
}

droid_cli() {
    mkdir "${CLIENT_HOME}/.factory"
    cat >"${CLIENT_HOME}/.factory/settings.json" <<JSON
{ "customModels": [ { "displayName": "it", "model": "$1", "provider": "generic-chat-completion-api",
    "baseUrl": "${GATEWAY}/v1", "apiKey": "${CLIENT_KEY}" } ] }
JSON
    "${AS_CLIENT[@]}" "${CACHE}/droid/node_modules/.bin/droid" exec --skip-permissions-unsafe \
        -m custom:it-0 "$2" </dev/null
}

# ---------------------------------------------------------------- the cases

# agent_says AGENT MODEL
agent_says() {
    local printed
    new_client
    printed="$("$1" "$2" "say hi" 2>"${CLIENT_HOME}.log")"
    [[ "${printed}" == "${LOCAL_SAYS}" ]] && return
    tail -n 8 "${CLIENT_HOME}.log"
    echo "printed: ${printed}"
    return 1
}

# agent_uses_a_tool AGENT MODEL TOOL PARAMETER
agent_uses_a_tool() {
    local printed
    new_client
    printed="$("$1" "$2" "$(tool_wish "$3" "$4")" 2>"${CLIENT_HOME}.log")"
    has_used_its_tool "${printed}" && return
    tail -n 8 "${CLIENT_HOME}.log"
    return 1
}

# can_have AGENT: installs it; why it cannot be had is printed, and is no fault of the gateway's.
can_have() {
    local node
    if [[ "$(uname -sm)" != "Linux x86_64" ]]; then echo "it is pinned for Linux x86_64"; return 1; fi
    case "$1" in
        claude_code) set -- claude-code "${CLAUDE_CODE}" ;;
        codex_cli) set -- codex-cli "${CODEX_CLI}" ;;
        droid_cli) set -- droid "${DROID}" ;;
        gemini_cli)
            node="$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')"
            if ((${node:-0} < GEMINI_CLI_NODE)); then
                echo "it needs Node.js ${GEMINI_CLI_NODE}; here is ${node:-none}"
                return 1
            fi
            # Without the modules that npm would compile; it copes.
            set -- gemini-cli "${GEMINI_CLI}" --omit=optional
            ;;
    esac
    install_npm "$@" || { echo "$2 could not be installed"; return 1; }
}

# agent_cases NAME AGENT TOOL PARAMETER: a text and a tool on a model of each maker.
agent_cases() {
    local name="$1" agent="$2" model why
    if ! why="$(can_have "${agent}" 2>&1)"; then
        SKIPPED=$((SKIPPED + 1))
        SKIPPED_AGENTS+=("${agent}")
        printf 'SKIP  %s: %s\n' "${name}" "$(tail -n 1 <<<"${why}")"
        return
    fi
    for model in "${MODELS[@]}"; do
        case_is "${name} on ${model}: a text" agent_says "${agent}" "${model}"
        case_is "${name} on ${model}: a tool" agent_uses_a_tool "${agent}" "${model}" "$3" "$4"
    done
}
