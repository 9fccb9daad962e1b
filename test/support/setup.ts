/** Every test compiles schemas just in time, as the gateway does. */
import "effect/schema/SchemaJITCompiler/enable"
