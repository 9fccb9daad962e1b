/**
 * AgentSettings: the settings that an agent offers for its sessions, and the choice of a model among them. The functions are
 * pure. AgentSession uses them.
 */
import type { ConfigOption, ModelState } from "./AgentUpdates.ts"

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

/** The setting that stands for the older method `session/set_model`. */
export const SET_MODEL = "session/set_model"

/** Returns the settings with the older choice of models, if the agent has that one only. */
export const settingsOf = (
  options: ReadonlyArray<ConfigOption>,
  models: ModelState | undefined,
): ReadonlyArray<ConfigOption> => {
  if (models === undefined || options.some(({ category }) => category === "model")) return options
  const choices = models.availableModels.map(({ modelId, name }) => ({ value: modelId, name }))
  return [...options, { id: SET_MODEL, category: "model", currentValue: models.currentModelId, options: choices }]
}

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
