/**
 * `causeway memory`: lists, reads and writes the Markdown documents that agents share.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../client/GatewayClient.ts"
import * as Flags from "../client/Flags.ts"
import * as Output from "../terminal/Output.ts"
import { standardInput } from "../terminal/StandardInput.ts"
import * as Target from "../client/Target.ts"

const id = Argument.String("id").pipe(Argument.withDescription("The name of the document, without .md."))

const list = Command.make(
  "list",
  { json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["memory.list"]({})
    const rows = () => answer.documents.map(({ id, modifiedAt, size }) => [id, size, Output.moment(modifiedAt)])
    yield* Output.show(json, answer, () =>
      answer.documents.length === 0 ? "No documents." : Output.table(["ID", "BYTES", "CHANGED"], rows()),
    )
  }),
).pipe(Command.withDescription("List the documents, newest first."), Target.connected)

const read = Command.make(
  "read",
  { id, json: Flags.json, ...Target.flags },
  Effect.fnUntraced(function* ({ id, json }) {
    const { calls } = yield* GatewayClient
    const document = yield* calls["memory.read"]({ id })
    yield* json ? Output.json([document]) : Output.content(document.content.replace(/\n?$/, "\n"))
  }),
).pipe(Command.withDescription("Print a document unchanged."), Target.connected)

const write = Command.make(
  "write",
  {
    id,
    text: Argument.String("text").pipe(Argument.withDescription("The whole document; - reads it from standard input.")),
    create: Flag.Boolean("create").pipe(
      Flag.withDescription("Fail if the document exists, instead of replacing it."),
      Flag.withDefault(false),
    ),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ create, id, json, text }) {
    const { calls } = yield* GatewayClient
    const content = text === "-" ? yield* standardInput : text
    const document = yield* calls["memory.write"]({ id, content, create })
    yield* Output.show(json, document, () => `${document.id}: ${document.size} bytes`)
  }),
).pipe(
  Command.withDescription("Create or replace a document."),
  Command.withExamples([
    { command: "causeway memory write plans - < plans.md", description: "Write a file to the memory" },
  ]),
  Target.connected,
)

export const memory = Command.make("memory").pipe(
  Command.withDescription("List, read and write the documents that agents share."),
  Command.withSubcommands([list, read, write]),
)
