import type { SignInRequest } from "@longshore/shared/contract/sign-in-requests";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { decideSignIn, sessionQuery, signInRequestQuery } from "../../lib/session.ts";
import { Button } from "../../ui/button.tsx";
import { Field, Input } from "../../ui/input.tsx";
import { ErrorPanel, Panel, Skeleton } from "../../ui/states.tsx";
import { RelativeTime } from "../runs/times.tsx";
import { CentredPage } from "../shell/centred-page.tsx";
import { useTitle } from "../shell/page-header.tsx";

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-2 px-4 py-1 text-[13px] leading-5">
    <dt className="text-faint">{name}</dt>
    <dd className="wrap-anywhere min-w-0">{children}</dd>
  </div>
);

function CodeForm({ onCode }: { onCode: (code: string) => void }) {
  const [text, setText] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() !== "") onCode(text.trim());
  };
  return (
    <form onSubmit={submit} className="mt-5">
      <Field label="The code that the terminal shows" htmlFor="approve-code">
        <div className="flex gap-2">
          <Input
            id="approve-code"
            value={text}
            onChange={(event) => setText(event.target.value)}
            placeholder="XXXX-XXXX"
            autoComplete="off"
            spellCheck={false}
            className="font-mono"
          />
          <Button type="submit" look="primary" size="md" disabled={text.trim() === ""}>
            Go on
          </Button>
        </div>
      </Field>
    </form>
  );
}

function Request({ request }: { request: SignInRequest }) {
  const { data: session } = useQuery(sessionQuery);
  return (
    <Panel className="mt-5">
      <p className="border-b px-4 py-3 text-center font-mono font-semibold text-2xl tracking-widest">
        {request.userCode}
      </p>
      <dl className="py-2">
        <Fact name="Program">{request.client}</Fact>
        <Fact name="Machine">{request.machine}</Fact>
        <Fact name="Asked">
          <RelativeTime at={new Date(request.createdAt)} />
        </Fact>
        <Fact name="You are">{session?.user.email}</Fact>
        <Fact name="It gets">
          A personal access token: whatever you may do in your projects, for {request.tokenLifeDays} days or
          until you revoke it.
        </Fact>
      </dl>
    </Panel>
  );
}

const ends: Record<Exclude<SignInRequest["status"], "pending">, string> = {
  approved: "Allowed. You can close this page and go back to the terminal.",
  collected: "Allowed, and the program is signed in. You can close this page.",
  refused: "Refused. The program gets nothing.",
};

function Decision({ request }: { request: SignInRequest }) {
  const [decided, setDecided] = useState(request);
  const { mutate, isPending, error } = useMutation({
    mutationFn: (verb: "approve" | "refuse") => decideSignIn(request.userCode, verb),
    onSuccess: setDecided,
  });
  if (decided.status !== "pending") {
    return (
      <p role="status" className="mt-5 font-medium">
        {ends[decided.status]}
      </p>
    );
  }
  return (
    <>
      <p className="mt-4 text-soft">
        Allow it only if you started it just now, and your terminal shows this very code.
      </p>
      {error && <ErrorPanel className="mt-4" title="That was not decided" error={error} />}
      <div className="mt-4 flex gap-2">
        <Button look="primary" size="md" disabled={isPending} onClick={() => mutate("approve")}>
          Allow
        </Button>
        <Button look="plain" size="md" disabled={isPending} onClick={() => mutate("refuse")}>
          Refuse
        </Button>
      </div>
    </>
  );
}

function Waiting({ code }: { code: string }) {
  const { data, error, isPending } = useQuery(signInRequestQuery(code));
  if (isPending) return <Skeleton className="mt-5 h-40" />;
  if (error) return <ErrorPanel className="mt-5" title="Nothing waits under this code" error={error} />;
  return (
    <>
      <Request request={data} />
      <Decision key={data.userCode} request={data} />
    </>
  );
}

/** A program that waits to be signed in: who it is, what it would get, and the decision. */
export function ApprovePage({ code: given }: { code: string }) {
  useTitle("Sign a program in");
  const [code, setCode] = useState(given);
  return (
    <CentredPage>
      <h1 className="font-semibold text-xl tracking-tight">Sign a program in</h1>
      {code === "" ? <CodeForm onCode={setCode} /> : <Waiting code={code} />}
    </CentredPage>
  );
}
