/** Compiles schemas just in time in every test, as the gateway does. */
import "effect/schema/SchemaJITCompiler/enable"
