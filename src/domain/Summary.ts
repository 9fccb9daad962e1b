/**
 * What a method is for, in one or two sentences: the text of the references, of help and of tool descriptions.
 */
import * as Context from "effect/Context"

export const Summary = Context.Reference<string>("causeway/domain/Summary", { defaultValue: () => "" })
