/**
 * ConfigOptions: every option of GatewaySettings with its names in the file, in the environment and on the command line.
 * It derives them from the schema, so a new option works everywhere. LoadConfig.ts, SecretFiles.ts, `causeway start` and
 * the page of the options use it.
 */
import * as SchemaAST from "effect/SchemaAST"
import { GatewaySettings } from "../../domain/GatewayConfig.ts"

export interface ConfigOption {
  /** The path in the file, e.g. `["runs", "concurrent"]`. */
  readonly path: ReadonlyArray<string>
  /** E.g. `GATEWAY_RUNS_CONCURRENT`. The first variable that is set counts. */
  readonly environment: ReadonlyArray<string>
  /** E.g. `state-dir`. Only top-level options have one. Secrets have none, because every user sees command lines. */
  readonly flag: string | undefined
  readonly secret: boolean
  /**
   * The options of each entry, if the option is a record such as `providers`, or a list of records such as
   * `fleet.upstreams`. Their paths begin in the entry.
   */
  readonly fields: ReadonlyArray<ConfigOption> | undefined
  readonly description: string
  /** `undefined` if there is no default. */
  readonly default: unknown
  /** Converts the text of a variable or flag. Returns unsuitable text unchanged; the schema then rejects it. */
  readonly fromText: (text: string) => unknown
}

const separated = (name: string, separator: string) => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, separator).toLowerCase()

const environmentName = (path: ReadonlyArray<string>) =>
  ["gateway", ...path.map((name) => separated(name, "_"))].join("_").toUpperCase()

const readers: Partial<Record<SchemaAST.AST["_tag"], ConfigOption["fromText"]>> = {
  Boolean: (text) => ({ true: true, false: false, "1": true, "0": false })[text.toLowerCase()] ?? text,
  Number: (text) => (Number.isFinite(Number(text)) ? Number(text) : text),
  Arrays: (text) => text.split(",").map((part) => part.trim()),
}

/** Variables hold records, and lists of them, as JSON. */
const fromJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Returns the types of the entries of a record or a list. */
const entriesOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  if (SchemaAST.isObjects(ast)) return ast.indexSignatures.map(({ type }) => type)
  return SchemaAST.isArrays(ast) ? ast.rest : []
}

const optionsIn = (ast: SchemaAST.AST, path: ReadonlyArray<string>): ReadonlyArray<ConfigOption> => {
  const entries = entriesOf(ast).filter(SchemaAST.isObjects)
  const isRecord = SchemaAST.isObjects(ast) ? ast.indexSignatures.length > 0 : entries.length > 0
  const fields = isRecord ? entries.flatMap((entry) => optionsIn(entry, [])) : undefined
  if (SchemaAST.isObjects(ast) && !isRecord) {
    return ast.propertySignatures.flatMap(({ name, type }) => optionsIn(type, [...path, String(name)]))
  }
  const secret = SchemaAST.isDeclaration(ast)
  const notes = ast.context?.annotations
  return [
    {
      path,
      environment: [environmentName(path), ...(path[0] === "token" ? ["OPENCLAW_GATEWAY_TOKEN"] : [])],
      flag: secret || isRecord || path.length > 1 ? undefined : separated(path.join(), "-"),
      secret,
      fields,
      description: String(notes?.["description"] ?? ""),
      default: notes?.["default"],
      fromText: isRecord ? fromJson : (readers[ast._tag] ?? ((text) => text)),
    },
  ]
}

export const configOptions: ReadonlyArray<ConfigOption> = optionsIn(GatewaySettings.ast, [])
