import { z } from "zod";
import { SignedInUser } from "./sign-in-requests.ts";

const WireDate = z.iso.datetime();

/** `GET /api/v2/whoami`: whose token this is. */
export const Whoami = z.object({
  userId: z.string(),
  email: SignedInUser.shape.email,
  name: SignedInUser.shape.name,
  dashboardUrl: z.string(),
  token: z.object({ id: z.string(), name: z.string(), expiresAt: WireDate.optional() }),
});
export type Whoami = z.infer<typeof Whoami>;

const ProjectEnvironment = z.object({
  id: z.string(),
  /** As in keys: dev, stg, prod, preview. */
  slug: z.string(),
  type: z.enum(["development", "staging", "production", "preview"]),
  /** The branch of a preview environment; null for any other. */
  branch: z.string().nullable(),
});

export const ProjectItem = z.object({
  id: z.string(),
  /** What configurations name as `project`. */
  externalRef: z.string(),
  name: z.string(),
  slug: z.string(),
  createdAt: WireDate,
  organization: z.object({ id: z.string(), title: z.string(), slug: z.string() }),
  environments: z.array(ProjectEnvironment),
});
export type ProjectItem = z.infer<typeof ProjectItem>;

/** `GET /api/v1/projects`: what a person may see. */
export const ProjectList = z.array(ProjectItem);

/** `POST /api/v1/projects`. `organization`: its slug, for who administers several. */
export const CreateProjectBody = z.object({
  name: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .regex(/^[^\p{Cc}]+$/u, "must not hold control characters"),
  organization: z.string().min(1).max(200).optional(),
});
export type CreateProjectBody = z.infer<typeof CreateProjectBody>;

/** `created` false: the organization had a project of that name, and this is it. */
export const CreatedProject = ProjectItem.extend({ created: z.boolean() });
export type CreatedProject = z.infer<typeof CreatedProject>;

/** `GET /api/v1/environment`: where a key or token leads. */
export const EnvironmentPlace = ProjectEnvironment.extend({
  project: z.object({ ref: z.string(), name: z.string() }),
});
export type EnvironmentPlace = z.infer<typeof EnvironmentPlace>;

/** `POST /api/v1/projects/:ref/environments/:slug/token`: a short-lived token of that environment. */
export const PlaceToken = z.object({
  token: z.string(),
  expiresAt: WireDate,
  environment: EnvironmentPlace,
});
export type PlaceToken = z.infer<typeof PlaceToken>;

/** `POST /api/v1/projects/:ref/dev-sessions`. */
export const OpenDevSessionBody = z.object({
  name: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .regex(/^[^\s\p{Cc}]+$/u, "must not hold spaces or control characters"),
});

/** A session's environment, a token of it, and a one-time token that enrols the agent of it. */
export const DevSession = PlaceToken.extend({ enrolToken: z.string() });
export type DevSession = z.infer<typeof DevSession>;

/** `POST /api/v1/projects/:ref/dev-sessions/archive`. `archived` false: something of it still runs, so it stays. */
export const ArchivedDevSession = z.object({ id: z.string(), archived: z.boolean() });
export type ArchivedDevSession = z.infer<typeof ArchivedDevSession>;
