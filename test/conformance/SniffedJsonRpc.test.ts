import { cancel } from "./Cancel.ts"
import { sniffedJsonRpc } from "./drivers/Sniffed.ts"
import { events } from "./Events.ts"
import { faults } from "./Faults.ts"
import { handshake } from "./Handshake.ts"
import { shutdown } from "./Shutdown.ts"

handshake(sniffedJsonRpc)
faults(sniffedJsonRpc)
events(sniffedJsonRpc)
cancel(sniffedJsonRpc)
shutdown(sniffedJsonRpc)
