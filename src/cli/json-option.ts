/** Report for programs. A file of its own, so that commands without images do not load the image formats. */
export const JSON_OPTION = { help: 'report as one JSON object' } as const;
