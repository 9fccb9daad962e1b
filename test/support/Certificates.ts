/** Two self-signed certificates for localhost and 127.0.0.1, valid for a hundred years. Their keys protect nothing. */
import * as Fs from "node:fs"
import { join } from "node:path"

export type Name = "first" | "second"

const FOLDER = join(import.meta.dirname, "certificates")

export const certFile = (name: Name): string => join(FOLDER, `${name}.cert.pem`)
const keyFile = (name: Name): string => join(FOLDER, `${name}.key.pem`)

/** Copies the certificate and the key into the folder and returns their paths. They may be of two pairs. */
export const install = (folder: string, cert: Name, key: Name = cert) => {
  const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") }
  Fs.copyFileSync(certFile(cert), files.cert)
  Fs.copyFileSync(keyFile(key), files.key)
  return files
}
