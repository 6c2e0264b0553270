// placeholder, see engine/ports.ts
import type { Epoch, Instant, Lsn, Offset, Shard } from "./ids.ts";
export type JudgedRecord = { readonly kind: string; readonly offset: Offset; readonly shard?: Shard; readonly epoch?: Epoch; readonly lsn?: Lsn; readonly at?: Instant };
