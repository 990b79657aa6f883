import { PacketDownload, PacketUpload } from "@longshore/shared/contract/packets";
import { z } from "zod";
import type { RouteSpec } from "./spec.ts";

const address = z.object({ expires: z.string().regex(/^\d{1,12}$/), signature: z.string() });

/** Payloads and outputs that are stored apart from their runs. */
export const packetSpecs = {
  uploadPacket: {
    method: "put",
    path: "/api/v2/packets/:path",
    auth: "key",
    scope: "write:packets",
    summary: "Where to send a payload that a trigger will name",
    response: PacketUpload,
  },
  uploadPacketV1: {
    method: "put",
    path: "/api/v1/packets/:path",
    auth: "key",
    scope: "write:packets",
    summary: "The same for older clients",
    response: PacketUpload,
  },
  downloadPacket: {
    method: "get",
    path: "/api/v1/packets/:path",
    auth: "key",
    scope: "read:packets",
    summary: "Where to fetch a stored packet",
    response: PacketDownload,
  },
  runPacket: {
    method: "get",
    path: "/api/v1/runs/:runId/packets/:kind",
    auth: "key",
    scope: "read:runs",
    summary: "Where to fetch a run's stored payload or output",
    response: PacketDownload,
  },
  putStoredPacket: {
    method: "put",
    path: "/api/v1/stored-packets/:environmentId/:name",
    auth: "none",
    summary: "Store a packet at a signed address",
    query: address,
  },
  getStoredPacket: {
    method: "get",
    path: "/api/v1/stored-packets/:environmentId/:name",
    auth: "none",
    summary: "Fetch a packet from a signed address",
    query: address,
  },
} as const satisfies Record<string, RouteSpec>;
