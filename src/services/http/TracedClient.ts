/**
 * TracedClient: gives the trace of a call to the servers that an HTTP client asks. ProviderHttp and McpConnection use it.
 */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Trace from "../traces/Trace.ts"

/** Returns the client with a `traceparent` in each request, if there is one. */
export const traced = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  client.pipe(
    HttpClient.mapRequestEffect((request) =>
      Effect.map(Trace.outgoingText, (text) =>
        text === undefined ? request : HttpClientRequest.setHeader(request, "traceparent", text),
      ),
    ),
    // The client's own propagation would name spans that nobody can find.
    HttpClient.transformResponse(Effect.provideService(HttpClient.TracerPropagationEnabled, false)),
  )
