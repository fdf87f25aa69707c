// Lets TypeScript accept an import of the style sheet.
export {};
