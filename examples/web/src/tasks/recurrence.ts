/** The rules that the menu offers (RFC 5545), with their texts. The service also accepts others. */
export const RULES: Record<string, string> = {
  "FREQ=DAILY": "Every day",
  "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR": "On weekdays",
  "FREQ=WEEKLY": "Every week",
  "FREQ=MONTHLY": "Every month",
  "FREQ=YEARLY": "Every year",
};

export function formatRule(rule: string): string {
  return RULES[rule] ?? `By the rule ${rule}`;
}
