import { expect, it } from "@effect/vitest"
import { localUrl } from "../../../src/cli/client/LocalUrl.ts"

it("A gateway that listens on every address has a loopback URL.", () => {
  expect(localUrl({ basePath: "", host: "0.0.0.0", port: 1 })).toBe("http://127.0.0.1:1")
  expect(localUrl({ basePath: "", host: "::", port: 1 })).toBe("http://[::1]:1")
  expect(localUrl({ basePath: "", host: "192.168.1.5", port: 1 })).toBe("http://192.168.1.5:1")
  expect(localUrl({ basePath: "/a", host: "::1", port: 1 })).toBe("http://[::1]:1/a")
})
