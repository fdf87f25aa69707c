// Lets TypeScript accept the import that brings the styles in.
export {};
