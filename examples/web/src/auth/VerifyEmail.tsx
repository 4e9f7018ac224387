import { usePage } from "../ui/usePage";
import { announce } from "../ui/announcer";
import { authClient, dataOf } from "./client";

/** The page to which mailed links lead, after the service has verified the address. */
export const callbackURL = `${location.origin}/#verified`;

const ERRORS: Record<string, string> = { TOKEN_EXPIRED: "The link has expired." };

/** What a mailed link has done. The service adds the code of an error to the address of the page. */
export function LinkOutcome() {
  const error = new URLSearchParams(location.search).get("error");
  if (usePage() !== "verified") return null;
  if (error) return <p role="alert">{ERRORS[error] ?? "The link is not valid."} Sign in, and ask for a new one.</p>;
  return <p role="status">Your address is verified.</p>;
}

/** Asks a new user to follow the mailed link. */
export function CheckMail({ email, onClose }: { email: string; onClose: () => void }) {
  return (
    <>
      <h1>Check your mail</h1>
      <div className="card">
        <p>To verify your address, open the link that was sent to {email}. It is valid for an hour.</p>
        <SendLink email={email}>Send it again</SendLink>
      </div>
      <p>
        <button className="link" onClick={onClose}>
          Sign in
        </button>
      </p>
    </>
  );
}

/** The notice to a signed-in user whose address is not verified. */
export function Unverified({ email }: { email: string }) {
  return (
    <p className="notice">
      Your address {email} is not verified. <SendLink email={email}>Send a link</SendLink>
    </p>
  );
}

function SendLink({ email, children }: { email: string; children: string }) {
  async function send() {
    try {
      await dataOf(authClient.sendVerificationEmail({ email, callbackURL }));
      announce(`A link is on its way to ${email}.`);
    } catch (error) {
      announce((error as Error).message);
    }
  }

  return (
    <button className="link" onClick={send}>
      {children}
    </button>
  );
}
