/**
 * Summary: the annotation that describes a method in one or two sentences. References, help and tool descriptions show it.
 */
import * as Context from "effect/Context"

export const Summary = Context.Reference<string>("causeway/domain/Summary", { defaultValue: () => "" })
