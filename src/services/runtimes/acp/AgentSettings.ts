/**
 * AgentSettings: the settings that an agent offers for its sessions, and the choice of a model among them. The functions are
 * pure. AgentSession uses them.
 */
import type { ConfigOption } from "./AgentUpdates.ts"

/** A value that the agent offers. */
interface Choice {
  readonly value: string
  readonly name: string
}

interface Option {
  readonly value?: string | null | undefined
  readonly name?: string | null | undefined
}

const choicesOf = ({ options }: ConfigOption): ReadonlyArray<Choice> =>
  (options ?? [])
    .flatMap((option): ReadonlyArray<Option> => option.options ?? [option])
    .flatMap(({ name, value }) => (typeof value === "string" ? [{ value, name: name ?? value }] : []))

/** Returns the models that the agent offers. */
export const modelsOf = (options: ReadonlyArray<ConfigOption>): ReadonlyArray<Choice> =>
  options.filter(({ category }) => category === "model").flatMap(choicesOf)

/** A change to make: the id of the setting and its new value. */
export interface SettingChange {
  readonly configId: string
  readonly value: string
}

/** Returns the change that selects the model, `undefined` if it is selected already, or the problem as a sentence. */
export const selectModel = (
  model: string,
  options: ReadonlyArray<ConfigOption>,
): SettingChange | undefined | { readonly problem: string } => {
  const setting = options.find(({ category }) => category === "model")
  if (setting === undefined) {
    return { problem: `It offers no choice of models, so "${model}" cannot be used. Leave the model empty.` }
  }
  const values = choicesOf(setting).map(({ value }) => value)
  if (!values.includes(model)) {
    return { problem: `It offers no model "${model}". Its models are: ${values.slice(0, 32).join(", ")}.` }
  }
  return setting.currentValue === model ? undefined : { configId: setting.id, value: model }
}

/** Returns the change that selects how much the agent thinks, or `undefined` if it offers no such level. */
export const selectThinking = (level: string, options: ReadonlyArray<ConfigOption>): SettingChange | undefined => {
  const setting = options.find(({ category }) => category === "thought_level")
  if (setting === undefined || setting.currentValue === level) return undefined
  return choicesOf(setting).some(({ value }) => value === level) ? { configId: setting.id, value: level } : undefined
}
