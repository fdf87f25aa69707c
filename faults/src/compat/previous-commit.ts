/** Commit of the version before, beside which a new one must be able to run. A release moves it to the one before it. */
export const previousCommit = "eda740fb52901cfc32024abb2b61c58d790bb67c";
