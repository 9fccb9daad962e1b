/**
 * DeviceStore: reads and writes paired devices and their grants in SQLite. Devices uses it. The functions are synchronous
 * and run within the transaction of the caller. The tables hold hashes of tokens, never tokens.
 */
import * as Schema from "effect/Schema"
import { hash, timingSafeEqual } from "node:crypto"
import type { DatabaseSync } from "node:sqlite"
import { ID_CHARS } from "../../domain/Bounds.ts"
import { Device, DeviceGrant, type TokenOf } from "../../domain/Device.ts"
import type { Role } from "../../domain/Principal.ts"
import { cut } from "../../domain/Text.ts"
import { isSecret } from "./Secret.ts"

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

/** Returns all devices in the order of pairing. */
export const allDevices = (db: DatabaseSync): ReadonlyArray<Device> =>
  db.prepare(`${SELECT} ORDER BY paired_at, id`).all().map(read)

export const findDevice = (db: DatabaseSync, deviceId: string): Device | undefined => {
  const row = db.prepare(`${SELECT} WHERE id = ?`).get(deviceId)
  return row === undefined ? undefined : read(row)
}

/** Writes the device and its grants. Does not change their tokens. */
export const writeDevice = (db: DatabaseSync, { grants, ...device }: Device): void => {
  db.prepare(
    `INSERT INTO devices (id, public_key, display_name, platform, device_family, client_id, client_mode,
       remote_address, paired_at)
     VALUES (:deviceId, :publicKey, :displayName, :platform, :deviceFamily, :clientId, :clientMode, :remoteAddress,
       :pairedAt)
     ON CONFLICT DO UPDATE SET display_name = excluded.display_name, platform = excluded.platform,
       device_family = excluded.device_family, client_id = excluded.client_id, client_mode = excluded.client_mode,
       remote_address = excluded.remote_address`,
  ).run(device)
  const write = db.prepare(
    `INSERT INTO device_grants (device_id, role, scopes, issued_at, last_used_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET scopes = excluded.scopes, issued_at = excluded.issued_at,
       last_used_at = excluded.last_used_at`,
  )
  for (const { issuedAt, lastUsedAt, role, scopes } of grants) {
    write.run(device.deviceId, role, JSON.stringify(scopes), issuedAt, lastUsedAt)
  }
}

/** Returns whether there was such a device. */
export const removeDevice = (db: DatabaseSync, deviceId: string): boolean => {
  db.prepare("DELETE FROM device_grants WHERE device_id = ?").run(deviceId)
  return db.prepare("DELETE FROM devices WHERE id = ?").run(deviceId).changes > 0
}

/** Hashes a token. A fast hash is enough, because nobody can guess 256 random bits. */
const digest = (token: string): string => hash("sha256", token, "hex")

/** Stores the hash of a new token. `null` revokes the token. */
export const setToken = (db: DatabaseSync, { deviceId, role }: TokenOf, token: string | null): void => {
  const stored = token === null ? null : digest(token)
  db.prepare("UPDATE device_grants SET token_hash = ? WHERE device_id = ? AND role = ?").run(stored, deviceId, role)
}

/** Returns whether the device has this token in this role. Compares in constant time. */
export const isToken = (db: DatabaseSync, { deviceId, role }: TokenOf, token: string): boolean => {
  const row = db.prepare("SELECT token_hash FROM device_grants WHERE device_id = ? AND role = ?").get(deviceId, role)
  const stored = row?.["token_hash"]
  return typeof stored === "string" && timingSafeEqual(Buffer.from(stored), Buffer.from(digest(token)))
}

/** Returns whether any device has this token in the role. */
export const isTokenOf = (db: DatabaseSync, role: Role, token: string): boolean =>
  isSecret(token) &&
  db.prepare("SELECT 1 FROM device_grants WHERE role = ? AND token_hash = ?").get(role, digest(token)) !== undefined

export const setLastUsed = (db: DatabaseSync, { deviceId, role }: TokenOf, at: number): void => {
  db.prepare("UPDATE device_grants SET last_used_at = ? WHERE device_id = ? AND role = ?").run(at, deviceId, role)
}
