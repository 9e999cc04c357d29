/** The directory of offheap.h and offheap_napi.h. */
declare const directory: string
export = directory
