/**
 * ConfigurationPage: generates docs/configuration.md from the schema of the options. A test compares the committed page
 * with it, so every option has its line.
 */
import { type ConfigOption, configOptions } from "./ConfigOptions.ts"

const cell = (text: string) => text.replaceAll("|", "\\|")

const code = (text: string) => `\`${text}\``

const defaultOf = (option: ConfigOption): string =>
  option.default === undefined
    ? ""
    : code(typeof option.default === "string" ? option.default : JSON.stringify(option.default))

const row = (option: ConfigOption): string =>
  [
    code(option.path.join(".")),
    option.environment.map(code).join(" "),
    option.flag === undefined ? "" : code(`--${option.flag}`),
    defaultOf(option),
    option.description,
  ]
    .map(cell)
    .join(" | ")

/** Examples of the records, by option. */
export const examples: Readonly<Record<string, string>> = {
  "fleet.upstreams": `fleet:
  upstreams:
    - { name: home, url: "ws://10.0.0.2:18789/", tokenVariable: HOME_TOKEN }
    - { name: office, url: "wss://gateway.example.org/", tokenFile: ~/.secrets/office }`,
  acp: `acp:
  qwen:
    command: qwen
    args: [--acp]
    inherit: [OPENAI_API_KEY]
    permissions: { read: allow, execute: deny }`,
  "otlp.headers": `otlp:
  url: https://otlp.example.org
  headers: { x-api-key: "..." }`,
  "hooks.mappings": `hooks:
  mappings:
    github:
      signature: github
      signingSecretVariable: GITHUB_WEBHOOK_SECRET
      messageTemplate: "{{headers.x-github-event}} in {{repository.full_name}}: {{payload}}"
    mail:
      forEach: messages
      messageTemplate: "From {{item.from}}: {{item.subject}}"
      sessionKey: "hook:mail:{{item.id}}"`,
  mcp: `mcp:
  files:
    command: npx
    args: [-y, "@modelcontextprotocol/server-filesystem", /srv/docs]
  tickets:
    url: https://mcp.example.org/mcp
    headers: { authorization: Bearer KEY }
    permission: ask`,
  providers: `providers:
  openai:
    apiKeyVariable: OPENAI_API_KEY
  claude:
    kind: anthropic
    apiKeyFile: ~/.secrets/anthropic
  ollama:
    baseUrl: http://127.0.0.1:11434/v1
    models:
      - qwen3:8b
      - { id: gpt-oss:20b, contextWindow: 131072 }
    silenceMs: 600000`,
}

/** Returns the table of fields, or nothing if the entries have none. */
const tableOf = (rows: ReadonlyArray<string>): string =>
  rows.length === 0
    ? ""
    : `
| field | default | effect and trade |
|---|---|---|
${rows.map((row) => `| ${row} |`).join("\n")}
`

/** Returns a section with the fields of each record. */
const recordSections = (): ReadonlyArray<string> =>
  configOptions.flatMap(({ default: value, description, fields, path }) => {
    if (fields === undefined) return []
    const name = path.join(".")
    const entry = Array.isArray(value) ? `${name}[]` : `${name}.<name>`
    const rows = fields.map((field) =>
      [code(field.path.join(".")), defaultOf(field), field.description].map(cell).join(" | "),
    )
    return [
      `
## \`${entry}\`

${description}

\`\`\`yaml
${examples[name]}
\`\`\`
${tableOf(rows)}`,
    ]
  })

export const configurationPage = (): string => `# Configuration

Set options in a YAML file or in the environment. The options at the top level also have a flag of \`causeway start\`. A flag
wins over the environment, the environment over the file, and the file over the default. An empty variable counts as not set.
If a flag or an option of the file is unknown, or if a value is invalid, the command names the problem and exits with code 2.
It ignores unknown variables, because other programs may use them.

\`--config\` or \`GATEWAY_CONFIG\` names the file. Without them, \`config.yaml\` in the state folder is the file, if it exists;
\`causeway setup\` writes it. The state folder is then that of \`--state-dir\`, \`GATEWAY_STATE_DIR\` or the default. The commands
refuse this file if other users may write it. Options are at the top level or under \`gateway\`:

\`\`\`yaml
gateway:
  enabled: true
  path: /ws
  port: 18789
  runs:
    concurrent: 8
\`\`\`

Variables and flags of lists are separated by commas. Variables of records, such as \`GATEWAY_PROVIDERS\`, and of lists of
records hold JSON. \`GATEWAY_WS_URL\` and \`OPENCLAW_GATEWAY_TOKEN\` together name one more gateway of \`fleet.upstreams\`
([fleet.md](fleet.md)); the token then does not open this gateway. \`~\` is the home folder. \`start\` has no flags
for secrets, because every user of a machine sees its command lines.

A secret may be in a file: \`GATEWAY_TOKEN_FILE\` names the file of \`GATEWAY_TOKEN\`, and \`GATEWAY_PASSWORD_FILE\` that of
\`GATEWAY_PASSWORD\`. Under systemd, the credentials \`token\` and \`password\` count too (also named \`gateway-token\` or
\`GATEWAY_TOKEN\`). The variable wins over its file, the file over the credential, and the credential over the YAML file. Blanks
and line ends around a secret are ignored. With a secret of fewer than 16 characters, the gateway logs a warning if \`host\` is a
loopback address, and does not start otherwise.

| option | variable | flag | default | effect and trade |
|---|---|---|---|---|
${configOptions.map((option) => `| ${row(option)} |`).join("\n")}
${recordSections().join("")}`
