import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { sessionQuery, signIn } from "../../lib/session.ts";
import { Button } from "../../ui/button.tsx";
import { Field, Input } from "../../ui/input.tsx";
import { ErrorPanel } from "../../ui/states.tsx";
import { CentredPage } from "../shell/centred-page.tsx";
import { useTitle } from "../shell/page-header.tsx";
import { tokenFrom } from "./token-from.ts";

/** `code`: the program that waits to be allowed, which is shown next. */
const useSignIn = (code: string | undefined) => {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: signIn,
    onSuccess: async (session) => {
      queryClient.setQueryData(sessionQuery.queryKey, session);
      if (code === undefined) await navigate({ to: "/", replace: true });
      else await navigate({ to: "/approve", search: { code }, replace: true });
    },
  });
};

function SignInForm({ onToken, busy }: { onToken: (token: string) => void; busy: boolean }) {
  const [text, setText] = useState("");
  const token = tokenFrom(text);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token) onToken(token);
  };
  return (
    <form onSubmit={submit} className="mt-5">
      <Field label="Or paste the link, or its token" htmlFor="sign-in-token">
        <div className="flex gap-2">
          <Input
            id="sign-in-token"
            value={text}
            onChange={(event) => setText(event.target.value)}
            placeholder="http://…/sign-in?token=…"
            autoComplete="off"
            spellCheck={false}
            className="font-mono text-xs"
          />
          <Button type="submit" look="primary" size="md" disabled={!token || busy}>
            Sign in
          </Button>
        </div>
      </Field>
    </form>
  );
}

/** Signs in with the token in the URL, once, or asks for one. */
export function SignInPage({ token, code }: { token?: string; code?: string }) {
  useTitle("Sign in");
  const { mutate, isPending, error } = useSignIn(code);
  const spent = useRef<string | null>(null);
  useEffect(() => {
    // A token works once: rendering twice must not spend it twice.
    if (!token || spent.current === token) return;
    spent.current = token;
    mutate(token);
  }, [token, mutate]);
  return (
    <CentredPage>
      <h1 className="font-semibold text-xl tracking-tight">Sign in</h1>
      <p className="mt-1.5 text-soft">
        Open the sign-in link that <code className="font-mono text-ink text-xs">longshore</code> printed in
        the terminal. Each link works once.
      </p>
      {isPending && (
        <p role="status" className="mt-5 text-soft">
          Signing you in…
        </p>
      )}
      {error && <ErrorPanel className="mt-5" title="That did not sign you in" error={error} />}
      <SignInForm onToken={mutate} busy={isPending} />
    </CentredPage>
  );
}
