/**
 * ConfigurationPage: docs/configuration.md, written from the schema of the options. A test holds the committed page
 * equal to this, so an option cannot be added without its line.
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

export const configurationPage = (): string => `# Configuration

Every option may be given in a YAML file or in the environment, those at the top also as a flag of \`causeway start\`; a
flag wins over the environment, the environment over the file, the file over the default. A variable that is set to
nothing counts as not set. A flag or an option of the file that does not exist, or a value that does not fit, ends the
command with a line that names it and exit code 2. A variable whose name does not exist is passed by: it may be
somebody else's.

The file is the one that \`--config\` or \`GATEWAY_CONFIG\` names. Its options stand at the top or under \`gateway\`:

\`\`\`yaml
gateway:
  enabled: true
  path: /ws
  port: 18789
  runs:
    concurrent: 8
\`\`\`

Variables and flags of lists take their parts separated by commas. \`~\` is the home folder. Secrets have no flag of \`start\`,
because every user of a machine sees its command lines.

A secret may be in a file instead: \`GATEWAY_TOKEN_FILE\` names the file of \`GATEWAY_TOKEN\`, \`GATEWAY_PASSWORD_FILE\` that
of \`GATEWAY_PASSWORD\`. Under systemd the credentials \`token\` and \`password\` count too (also named \`gateway-token\` or
\`GATEWAY_TOKEN\`). The variable wins over its file, the file over the credential, the credential over the YAML file.
Blanks and line ends around a secret do not count. A secret of fewer than 16 characters is a warning where \`host\` is a
loopback address, and keeps the gateway from starting elsewhere.

| option | variable | flag | default | what it does, and its trade |
|---|---|---|---|---|
${configOptions.map((option) => `| ${row(option)} |`).join("\n")}
`
