/**
 * LocalProgram: the options of a program that the gateway starts on its machine. AcpAgent.ts and McpServer.ts have them.
 */
import * as Schema from "effect/Schema"
import { option } from "./Setting.ts"

const VariableName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z_][A-Za-z0-9_]*$/, { expected: "the name of a variable, e.g. OPENAI_API_KEY" }),
)

/** The value of an environment variable. Every value counts as a secret, because the names do not tell. */
const VariableValue = Schema.RedactedFromValue(
  Schema.String.check(Schema.isPattern(/^[^\0]*$/, { expected: "text without the character NUL" })),
  { label: "variable" },
)

/** Returns the fields. `noun`: the word for the program in the descriptions. The examples begin with ", e.g.". */
export const programFields = (noun: string, examples = { args: "", inherit: "" }) => ({
  args: option(Schema.Array(Schema.String).check(Schema.isMaxLength(256)), [], `Its arguments${examples.args}.`),
  env: option(
    Schema.Record(VariableName, VariableValue),
    {},
    `Environment variables of the ${noun}. Their values count as secrets.`,
  ),
  inherit: option(
    Schema.Array(VariableName).check(Schema.isMaxLength(256)),
    [],
    `Names of variables that the ${noun} gets from the gateway's environment${examples.inherit}. It always gets PATH, HOME, the language, proxies and certificates, and no others.`,
  ),
})
