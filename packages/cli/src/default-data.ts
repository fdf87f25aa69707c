/** Folder in which `milepost serve` keeps its data by default, and in which the other commands look for them. */
export const defaultData = "./milepost-data";
