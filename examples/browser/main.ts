/**
 * A page that sends messages to an agent. The fragment of the page's address has the gateway's address and token, because
 * browsers never send the fragment: http://127.0.0.1:8080/#gateway=ws://127.0.0.1:18789/rpc&token=…
 */
import { type ConnectionState, connect } from "@causeway/gateway/client"

const part = (selector: string): HTMLElement => {
  const element = document.querySelector<HTMLElement>(selector)
  if (element === null) throw new Error(`the page has no ${selector}`)
  return element
}

const fragment = new URLSearchParams(location.hash.slice(1))
const gateway = connect({
  url: fragment.get("gateway") ?? "ws://127.0.0.1:18789/rpc",
  token: fragment.get("token") ?? undefined,
})

const describe = (state: ConnectionState): string =>
  state._tag === "Waiting" || state._tag === "Refused" ? state.reason : state._tag.toLowerCase()

gateway.onState((state) => {
  part("#state").textContent = describe(state)
})

const addLine = (author: "you" | "agent", text = ""): HTMLElement => {
  const line = document.createElement("p")
  line.className = author
  line.textContent = text
  part("#transcript").append(line)
  return line
}

const send = async (text: string): Promise<void> => {
  addLine("you", text)
  const answer = addLine("agent")
  try {
    for await (const piece of gateway.reply(text)) answer.append(piece)
  } catch (error) {
    answer.append(` [${error instanceof Error ? error.message : "no reply"}]`)
  }
}

part("form").addEventListener("submit", (event) => {
  event.preventDefault()
  const input = part("input")
  if (!(input instanceof HTMLInputElement)) return
  void send(input.value)
  input.value = ""
})
