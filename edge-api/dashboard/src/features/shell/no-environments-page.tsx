import { CodeBlock } from "../../ui/code-block.tsx";
import { CentredPage } from "./centred-page.tsx";

export function NoEnvironmentsPage() {
  return (
    <CentredPage>
      <h1 className="font-semibold text-[15px]">There is no environment yet</h1>
      <p className="mt-1 text-soft">
        You are signed in, but no project has been made. Make one from its folder:
      </p>
      <CodeBlock text="npx longshore dev" label="Copy the command" />
    </CentredPage>
  );
}
