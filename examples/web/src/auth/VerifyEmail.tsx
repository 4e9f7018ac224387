import { announce } from "../ui/announcer";
import { authClient, pageAddress, UNREACHABLE } from "./client";

/** The notice that the user's address is not verified. It is gone once the user has followed the mailed link. */
export function VerifyEmail({ email }: { email: string }) {
  async function send() {
    try {
      const { error } = await authClient.sendVerificationEmail({ email, callbackURL: pageAddress() });
      announce(error ? (error.message ?? error.statusText) : `A link is on its way to ${email}.`);
    } catch {
      announce(UNREACHABLE);
    }
  }

  return (
    <p className="notice">
      Your address {email} is not verified.{" "}
      <button className="link" onClick={send}>
        Send a link
      </button>
    </p>
  );
}
