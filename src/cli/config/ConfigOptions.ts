/**
 * ConfigOptions: every option of GatewaySettings with its names in a file, in the environment and on the command line.
 * Derived from the schema, so that an option that is added there can be given everywhere. Pure; it reads nothing.
 */
import * as SchemaAST from "effect/SchemaAST"
import { GatewaySettings } from "../../domain/GatewayConfig.ts"

export interface ConfigOption {
  /** Its place in the file, e.g. `["runs", "concurrent"]`. */
  readonly path: ReadonlyArray<string>
  /** E.g. `GATEWAY_RUNS_CONCURRENT`. The first name that is set counts. */
  readonly environment: ReadonlyArray<string>
  /** E.g. `state-dir`. Only for options at the top that are no secret: a command line is seen by every user. */
  readonly flag: string | undefined
  readonly secret: boolean
  readonly description: string
  /** Undefined: there is none. */
  readonly default: unknown
  /** What the text of a variable or a flag means; text that does not fit stays text, for the schema to refuse. */
  readonly fromText: (text: string) => unknown
}

const spaced = (name: string, separator: string) => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, separator).toLowerCase()

const environmentName = (path: ReadonlyArray<string>) =>
  ["gateway", ...path.map((name) => spaced(name, "_"))].join("_").toUpperCase()

const readers: Partial<Record<SchemaAST.AST["_tag"], ConfigOption["fromText"]>> = {
  Boolean: (text) => ({ true: true, false: false, "1": true, "0": false })[text.toLowerCase()] ?? text,
  Number: (text) => (Number.isFinite(Number(text)) ? Number(text) : text),
  Arrays: (text) => text.split(",").map((part) => part.trim()),
}

const optionsIn = (ast: SchemaAST.AST, path: ReadonlyArray<string>): ReadonlyArray<ConfigOption> => {
  if (SchemaAST.isObjects(ast)) {
    return ast.propertySignatures.flatMap(({ name, type }) => optionsIn(type, [...path, String(name)]))
  }
  const secret = SchemaAST.isDeclaration(ast)
  const notes = ast.context?.annotations
  return [
    {
      path,
      environment: [environmentName(path), ...(path[0] === "token" ? ["OPENCLAW_GATEWAY_TOKEN"] : [])],
      flag: secret || path.length > 1 ? undefined : spaced(path.join(), "-"),
      secret,
      description: String(notes?.["description"] ?? ""),
      default: notes?.["default"],
      fromText: readers[ast._tag] ?? ((text) => text),
    },
  ]
}

export const configOptions: ReadonlyArray<ConfigOption> = optionsIn(GatewaySettings.ast, [])
