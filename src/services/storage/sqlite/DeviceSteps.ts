/** The store of devices on SQLite. SqliteStores makes it. */
import * as Schema from "effect/Schema"
import type { DatabaseSync } from "node:sqlite"
import { ID_CHARS } from "../../../domain/Bounds.ts"
import { Device, DeviceGrant } from "../../../domain/Device.ts"
import { cut } from "../../../domain/Text.ts"
import type { DeviceStore } from "../RegistryStores.ts"
import { step } from "./Step.ts"

const DeviceRow = Schema.Struct({ ...Device.fields, grants: Schema.fromJsonString(Schema.Array(DeviceGrant)) })

const decode = Schema.decodeUnknownSync(DeviceRow)

const cutTexts = (row: object): object =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === "string" && name !== "grants" ? cut(value, ID_CHARS) : value,
    ]),
  )

/** Decodes a row. Rows of versions without text limits may hold longer texts, so it cuts them. */
const read = (row: object): Device => decode(cutTexts(row))

/** Selects the grants as one JSON text, so that each device is one row. */
const SELECT = `SELECT id AS deviceId, public_key AS publicKey, display_name AS displayName, platform,
  device_family AS deviceFamily, client_id AS clientId, client_mode AS clientMode, remote_address AS remoteAddress,
  paired_at AS pairedAt, (
    SELECT json_group_array(json_object('role', role, 'scopes', json(scopes), 'issuedAt', issued_at,
      'lastUsedAt', last_used_at)) FROM device_grants WHERE device_id = devices.id
  ) AS grants FROM devices`

export const deviceSteps = (db: DatabaseSync): DeviceStore => {
  const all = db.prepare(`${SELECT} ORDER BY paired_at, id`)
  const select = db.prepare(`${SELECT} WHERE id = ?`)
  const put = db.prepare(
    `INSERT INTO devices (id, public_key, display_name, platform, device_family, client_id, client_mode,
       remote_address, paired_at)
     VALUES (:deviceId, :publicKey, :displayName, :platform, :deviceFamily, :clientId, :clientMode, :remoteAddress,
       :pairedAt)
     ON CONFLICT DO UPDATE SET display_name = excluded.display_name, platform = excluded.platform,
       device_family = excluded.device_family, client_id = excluded.client_id, client_mode = excluded.client_mode,
       remote_address = excluded.remote_address`,
  )
  const putGrant = db.prepare(
    `INSERT INTO device_grants (device_id, role, scopes, issued_at, last_used_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET scopes = excluded.scopes, issued_at = excluded.issued_at,
       last_used_at = excluded.last_used_at`,
  )
  const removeGrants = db.prepare("DELETE FROM device_grants WHERE device_id = ?")
  const remove = db.prepare("DELETE FROM devices WHERE id = ?")
  const setToken = db.prepare("UPDATE device_grants SET token_hash = ? WHERE device_id = ? AND role = ?")
  const tokenHash = db.prepare("SELECT token_hash FROM device_grants WHERE device_id = ? AND role = ?")
  const hasToken = db.prepare("SELECT 1 FROM device_grants WHERE role = ? AND token_hash = ?")
  const setLastUsed = db.prepare("UPDATE device_grants SET last_used_at = ? WHERE device_id = ? AND role = ?")

  return {
    all: step(() => all.all().map(read)),
    get: (deviceId) =>
      step(() => {
        const row = select.get(deviceId)
        return row === undefined ? undefined : read(row)
      }),
    put: ({ grants, ...device }) =>
      step(() => {
        put.run(device)
        for (const { issuedAt, lastUsedAt, role, scopes } of grants) {
          putGrant.run(device.deviceId, role, JSON.stringify(scopes), issuedAt, lastUsedAt)
        }
      }),
    remove: (deviceId) =>
      step(() => {
        removeGrants.run(deviceId)
        return remove.run(deviceId).changes > 0
      }),
    setToken: ({ deviceId, role }, hash) =>
      step(() => {
        setToken.run(hash, deviceId, role)
      }),
    tokenHash: ({ deviceId, role }) =>
      step(() => {
        const hash = tokenHash.get(deviceId, role)?.["token_hash"]
        return typeof hash === "string" ? hash : undefined
      }),
    hasToken: (role, hash) => step(() => hasToken.get(role, hash) !== undefined),
    setLastUsed: ({ deviceId, role }, at) =>
      step(() => {
        setLastUsed.run(at, deviceId, role)
      }),
  }
}
